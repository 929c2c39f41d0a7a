// The error for what a caller sent, as opposed to what went wrong here: its message tells the caller what to do.
'use strict';

class InputError extends Error {}

/**
 * Turns an InputError into OpenWhisk's application error, `{ error: message }`. Everything else is not the caller's
 * fault and goes on to the runtime.
 */
async function answer(work) {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof InputError) return { error: thrown.message };
    throw thrown;
  }
}

/** What kind of value a caller sent, for messages. */
function kindOf(value) {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

module.exports = { InputError, answer, kindOf };
