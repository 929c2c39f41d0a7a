// An answer that is an error, in OpenWhisk's words and form.
// Wire facts: core/http/ErrorResponse.scala (Messages) of Apache OpenWhisk.

export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

export const notFound = (): ApiError => new ApiError(404, 'The requested resource does not exist.');
export const malformed = (why: string): ApiError => new ApiError(400, `The request content was malformed:\n${why}`);
export const notAuthorized = (resource: string): ApiError => new ApiError(403, `The supplied authentication is not authorized to access '${resource}'.`);
export const conflict = (): ApiError => new ApiError(409, 'resource already exists');
export const wrongCollection = (): ApiError => new ApiError(409, 'Resource by this name exists but is not in this collection.');
export const notSupported = (what: string): ApiError => new ApiError(501, `${what} not supported here: this is a standalone InstaInfer, which runs actions. Deploy to an Apache OpenWhisk for it.`);
export const tooLarge = (what: string, bytes: number, limit: number): ApiError => new ApiError(413, `${what} larger than allowed: ${bytes} > ${limit} bytes.`);
