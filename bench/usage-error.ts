/** What was asked for makes no sense: the message says what would. */
export class UsageError extends Error {}
