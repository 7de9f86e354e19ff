// Names for packets.
import { say } from './say.js';
import { protocolName, streamName } from './words.js';

// packetName returns the name of a packet; on a leg back, that of its reply.
export function packetName({ stream, seq }, back) {
  if (stream.hand) return nameless(stream, seq, back);
  return back ? say('The reply to packet {0} of {1}', seq, streamName(stream.stream)) : say('Packet {0} of {1}', seq, streamName(stream.stream));
}

// nameless returns the name of a packet without a stream.
function nameless({ key, from, to, protocol, port }, seq, back) {
  const [asks, answers] = [from ?? key.source, to ?? key.destination];
  if (seq !== undefined) return back ? say('The reply to ping {0} from {1} to {2}', seq, asks, answers) : say('Ping {0} from {1} to {2}', seq, asks, answers);
  const name = protocolName(protocol).toUpperCase();
  if (name.startsWith('ICMP')) return say('An ICMP message from {0} to {1}', asks, answers);
  if (!port) return back ? say('A packet of protocol {0} from {1} to {2}', name, answers, asks) : say('A packet of protocol {0} from {1} to {2}', name, asks, answers);
  return back ? say('A {0} packet from {1} back to {2}', name, answers, asks) : say('A {0} packet from {1} to port {2} of {3}', name, asks, port, answers);
}
