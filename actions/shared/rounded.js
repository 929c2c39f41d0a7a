// Timings of an answer: hundredths of a millisecond say enough.
'use strict';

const rounded = (milliseconds) => Math.round(milliseconds * 100) / 100;

module.exports = { rounded };
