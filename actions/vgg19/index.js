// Classifies a picture with VGG-19.
'use strict';

const { classifyImage, imagenetNormalisation } = require('./shared/classify-image.js');

exports.main = (parameters) => classifyImage({ model: 'vgg19', normalisation: imagenetNormalisation }, parameters);
