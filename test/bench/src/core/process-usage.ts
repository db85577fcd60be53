import { readFileSync } from 'node:fs'

/** Linux counts processor time in ticks of 10 ms on every platform that Node runs on. */
const tickMs = 10
const pageBytes = 4_096

/** Resident memory and processor time so far of one process, without its children. */
export function usageOf(pid: number): { readonly rssMib: number; readonly cpuMs: number } {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  // The second field is the name in parentheses, which may hold spaces; utime and stime are the 12th and 13th after it.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { rssMib: (pages * pageBytes) / 2 ** 20, cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs }
}
