// Classifies a picture with AlexNet.
'use strict';

const { classifyImage, imagenetNormalisation } = require('./shared/classify-image.js');

exports.main = (parameters) => classifyImage({ model: 'alexnet', normalisation: imagenetNormalisation }, parameters);
