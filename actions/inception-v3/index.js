// Classifies a picture with Inception v3.
'use strict';

const { classifyImage, inceptionNormalisation } = require('./shared/classify-image.js');

exports.main = (parameters) => classifyImage({ model: 'inception-v3', normalisation: inceptionNormalisation }, parameters);
