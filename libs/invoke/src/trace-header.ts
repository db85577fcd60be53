/**
 * The header of a call of a function with active tracing: the caller's trace, or a new one, sampled unless the caller
 * decided otherwise. Members that are not of the trace stay. Developer guide of X-Ray, "tracing header".
 */
export function activeTrace(header: string | undefined, nowMs: number, random96: () => string): string {
  const members = (header ?? '').split(';').filter((member) => member !== '')
  const has = (name: string): boolean => members.some((member) => member.startsWith(`${name}=`))
  const seconds = Math.floor(nowMs / 1000)
    .toString(16)
    .padStart(8, '0')
  return [
    ...(has('Root') ? [] : [`Root=1-${seconds}-${random96()}`]),
    ...members,
    ...(has('Sampled') ? [] : ['Sampled=1']),
  ].join(';')
}
