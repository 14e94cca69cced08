const one = require('./ring-one.js');
exports.seen = JSON.stringify(one);
