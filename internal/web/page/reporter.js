// Fetches the report on the timeline when something has happened: at most once a second, and not
// while the page is hidden.
import { ask } from './api.js';
import { spoken } from './say.js';

const often = 1000; // ms

export class Reporter {
  constructor(page) {
    this.page = page;
    this.wanted = false;
    this.asking = false;
    document.addEventListener('visibilitychange', () => this.ask());
    document.addEventListener('lablab:language', () => this.due());
  }

  // last takes the final report of a lab that is gone and can no longer be asked.
  last(report) {
    this.over = true;
    if (report) this.page.setReport(report);
  }

  // due records that something has happened.
  due() {
    this.wanted = true;
    this.ask();
  }

  async ask() {
    if (!this.wanted || this.asking || this.over || document.hidden) return;
    this.asking = true;
    this.wanted = false;
    try {
      const report = await ask(`report?words=${spoken()}`);
      if (!this.over) this.page.setReport(report);
    } catch { /* retried when the connection is back */ }
    setTimeout(() => {
      this.asking = false;
      this.ask();
    }, often);
  }
}
