// The lab's server. It gave this page its token in the URL's fragment.
import { spoken } from './say.js';

const token = location.hash.slice(1);

// An ApiError is the server's answer to a request that it rejects. Its code is EC2's own where EC2
// has one; its status is HTTP's.
export class ApiError extends Error {
  constructor(status, { code = '', message = '' }) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

// ask sends a query, or a change if there is a question.
export async function ask(path, question) {
  const response = await request(path, question === undefined ? {} : {
    method: 'POST', body: JSON.stringify(question), headers: { 'Content-Type': 'application/json' },
  });
  return response.json();
}

// request returns the response; any status but 200 is an error.
export async function request(path, { headers = {}, ...options } = {}) {
  const response = await fetch(`/v1/${path}`, {
    ...options, headers: { ...headers, Authorization: `Bearer ${token}`, 'Accept-Language': spoken() },
    cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
  });
  if (response.ok) return response;
  const text = await response.text();
  let why = { message: text.trim() };
  try { why = JSON.parse(text); } catch { /* the guard in front of the lab answered, not the lab */ }
  throw new ApiError(response.status, why);
}
