// Classifies a picture with ResNet-152.
'use strict';

const { classifyImage, imagenetNormalisation } = require('./shared/classify-image.js');

exports.main = (parameters) => classifyImage({ model: 'resnet152', normalisation: imagenetNormalisation }, parameters);
