// What each module exports, and the parts of what it exports.
import * as k6 from 'k6';
import * as http from 'k6/http';
import * as metrics from 'k6/metrics';
import * as data from 'k6/data';
import * as execution from 'k6/execution';
import * as crypto from 'k6/crypto';
import * as encoding from 'k6/encoding';
import * as timers from 'k6/timers';
import * as fs from 'k6/experimental/fs';
import * as csv from 'k6/experimental/csv';
import main from 'k6';
import mainHttp from 'k6/http';
import mainExecution from 'k6/execution';
import { told, throws, said } from './lib/told.js';
export const options = { iterations: 1 };
const names = (it) => Object.keys(it).filter((name) => name !== 'default').sort();
export default function () {
  for (const [name, it] of Object.entries({ k6, http, metrics, data, execution, crypto, encoding, timers, fs, csv })) told(name, () => names(it));
  for (const [name, it] of Object.entries({ main, mainHttp, mainExecution })) told(name, () => names(it));
  for (const part of ['instance', 'scenario', 'test', 'vu']) told(part, () => names(mainExecution[part]));
  told('metrics of a vu', () => names(mainExecution.vu.metrics));
  for (const name of names(http).filter((it) => typeof http[it] === 'string')) told(name, () => http[name]);
  told('a metric', () => names(new metrics.Counter('late')));
  told('console', () => names(console));
  told('modes', () => fs.SeekMode);
}
