// The error for what a caller sent, as opposed to what went wrong here: its message tells the caller what to do.
'use strict';

class InputError extends Error {}

/**
 * Calls `work(parameters)` and turns an InputError into OpenWhisk's application error, `{ error: message }`. Everything
 * else is not the caller's fault and goes on to the runtime.
 */
async function answer(parameters, work) {
  try {
    // OpenWhisk passes arrays on too, for example from an action before this one in a sequence.
    if (Array.isArray(parameters)) throw new InputError('The parameters are an array; send an object with named parameters.');
    return await work(parameters);
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
