// Classifies a picture with ResNet-50.
'use strict';

const { classifyImage, imagenetNormalisation } = require('./shared/classify-image.js');

exports.main = (parameters) => classifyImage({ model: 'resnet50', normalisation: imagenetNormalisation }, parameters);
