// The page that a lab serves: it follows the lab's timeline and can change the lab.
import { start } from './main.js';
import { ask } from './api.js';
import { Controls } from './controls.js';
import { Follower } from './follow.js';
import { Link } from './link.js';
import { Reporter } from './reporter.js';

const page = start({ live: true });
const root = document.getElementById('controls');
const link = new Link(root);
const reporter = new Reporter(page);
const controls = new Controls(root, () => page.state(), ask);
const follower = new Follower(page, (how, pause, report) => {
  link.show(how, pause, follower);
  page.refuse(how === 'refused');
  controls.enable(how === 'live');
  if (how === 'live') reporter.due();
  if (how === 'ended') reporter.last(report);
});
root.hidden = false;
document.addEventListener('lablab:state', () => reporter.due());
follower.run();
