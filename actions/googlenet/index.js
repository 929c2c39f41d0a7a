// Classifies a picture with GoogLeNet.
'use strict';

const { classifyImage, inceptionNormalisation } = require('./shared/classify-image.js');

exports.main = (parameters) => classifyImage({ model: 'googlenet', normalisation: inceptionNormalisation }, parameters);
