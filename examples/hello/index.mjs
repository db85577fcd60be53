/** Greets: `{name?: string}` → `{message, requestId, remainingMs}`. */
export const handler = async (event, context) => ({
  message: `Hello, ${event?.name ?? 'world'}!`,
  requestId: context.awsRequestId,
  remainingMs: context.getRemainingTimeInMillis(),
})
