// What a load is expected to take, until one has been measured.

export interface LoadEstimate {
  readonly loadMs: number;
  /** Private memory of the slot that holds what was loaded. */
  readonly residentBytes: number;
}
