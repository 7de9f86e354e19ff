package ns

// AwaitFor is [Await] with another limit than [AnswerTime].
var AwaitFor = await
