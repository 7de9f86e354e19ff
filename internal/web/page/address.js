// Addresses: just enough to tell whether a range contains one.

// within reports whether a range such as 10.0.0.0/8 or fd00::/8 contains an address.
export function within(range, address) {
  const [first, bits] = range.split('/');
  const [a, b] = [numberOf(first), numberOf(address)];
  if (a.size !== b.size) return false;
  const rest = BigInt(a.size - Number(bits));
  return a.value >> rest === b.value >> rest;
}

function numberOf(address) {
  if (!address.includes(':')) return { size: 32, value: joined(address.split('.'), 8n, 10) };
  const [head, tail] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const parts = tail ? [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail] : head;
  return { size: 128, value: joined(parts, 16n, 16) };
}

function joined(parts, bits, base) { return parts.reduce((sum, part) => (sum << bits) + BigInt(parseInt(part, base)), 0n); }
