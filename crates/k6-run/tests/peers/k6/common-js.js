// CommonJS.
const http = require('k6/http');
const { check } = require('k6');
exports.options = { iterations: 2 };
exports.default = function () {
  check(http.get(`${__ENV.BASE_URL}/echo`), { ok: (r) => r.status === 200 });
};
