// The end-of-activation marker that OpenWhisk's invoker waits for on both log streams.
// `writeLogMarkers` is bound to the streams as they are when this module is loaded, before any user code can replace
// their `write`; going through the streams keeps the marker behind everything written to them before.
const marker = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n';

type Write = (text: string, done: (error?: Error | null) => void) => boolean;
const streams: readonly { readonly stream: NodeJS.WriteStream; readonly write: Write }[] = [process.stdout, process.stderr].map((stream) => {
  const write: Write = stream.write.bind(stream);
  return { stream, write };
});

/** Resolves when the marker has been handed to the operating system on both streams. */
export async function writeLogMarkers(): Promise<void> {
  await Promise.all(streams.map(writeTo));
}

function writeTo({ stream, write }: (typeof streams)[number]): Promise<void> {
  return new Promise((resolve) => {
    // A stream that user code has ended takes nothing any more; whoever reads it sees its end instead.
    if (stream.writableEnded || stream.destroyed) resolve();
    else
      write(marker, () => {
        resolve();
      });
  });
}
