// Stands in for the SDK in an unpacked action: models are what the test puts in, libraries are the project's own.
'use strict';

/** Model name to `{ session, sampleInputs, attachments: { fileName: path } }`. */
const models = new Map();

function modelNamed(name) {
  const found = models.get(name);
  if (found === undefined) throw new Error(`The test put no model ${name} in.`);
  return found;
}

module.exports = {
  models,
  model: async (name) => modelNamed(name).session,
  sampleInputs: async (name) => modelNamed(name).sampleInputs,
  attachment: async (name, fileName) => {
    const file = modelNamed(name).attachments[fileName];
    if (file === undefined) throw new Error(`${name} has no attachment ${fileName}.`);
    return file;
  },
  library: (name) => require(name),
};
