// The page as a file, which contains the timeline, the report and what is said.
import { start } from './main.js';

const read = (id) => JSON.parse(document.getElementById(id).textContent);

start({ events: read('record'), report: read('report'), narration: read('narration') });
