exports.early = 1;
const two = require('./ring-two.js');
exports.late = two.seen;
