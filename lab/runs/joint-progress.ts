// How far several things are that are done side by side.

/** Gives, by index, what each of `count` reports its share to; `onProgress` is told the mean of all. */
export function jointProgress(count: number, onProgress: (doneShare: number) => void): (index: number) => (doneShare: number) => void {
  const done = new Float64Array(count);
  return (index) => (doneShare) => {
    done[index] = doneShare;
    onProgress(done.reduce((sum, each) => sum + each, 0) / count);
  };
}
