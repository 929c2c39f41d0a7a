// Classifies a picture with ResNet-18.
'use strict';

const { classifyImage, imagenetNormalisation } = require('./shared/classify-image.js');

exports.main = (parameters) => classifyImage({ model: 'resnet18', normalisation: imagenetNormalisation }, parameters);
