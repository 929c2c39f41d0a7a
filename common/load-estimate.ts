// What a load is expected to take, until one has been measured.

export interface LoadEstimate {
  readonly loadMs: number;
  /** Private memory of the slot that holds what was loaded. */
  readonly residentBytes: number;
  /** Files of the model store that the load reads, each once, named by their content; absent: not known. */
  readonly files?: readonly { readonly id: string; readonly bytes: number }[];
}
