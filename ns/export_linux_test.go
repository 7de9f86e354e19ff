package ns

// AwaitFor is [Await] with another limit than [AnswerTime].
var AwaitFor = await

// SocketInode is what [Namespace.Guard] compares before Linux 5.14.
var SocketInode = socketInode
