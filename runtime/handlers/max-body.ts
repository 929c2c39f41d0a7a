/** The stock runtime's bound of a request body: 48 MB. */
export const maxBodyBytes = 48 * 1024 * 1024;
