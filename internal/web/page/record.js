// A page that is a file: the timeline and the report are in it.
import { start } from './main.js';

const read = (id) => JSON.parse(document.getElementById(id).textContent);

start({ events: read('record'), report: read('report') });
