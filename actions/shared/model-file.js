// Finds a file that belongs to a model, such as its class names or its vocabulary.
'use strict';

const { existsSync } = require('node:fs');
const path = require('node:path');
const { attachment } = require('instainfer');

/** The action's own folder, in its archive. */
const actionDir = path.dirname(__dirname);

/**
 * The file in the action's folder, which an action's author put there, or else the one beside the model in the store.
 * @returns its path; rejects when it is in neither place
 */
async function modelFile(modelName, fileName) {
  const own = path.join(actionDir, fileName);
  return existsSync(own) ? own : attachment(modelName, fileName);
}

module.exports = { modelFile };
