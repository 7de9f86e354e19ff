// The page as a file, which contains the timeline and the report.
import { start } from './main.js';

const read = (id) => JSON.parse(document.getElementById(id).textContent);

start({ events: read('record'), told: read('report') });
