import type { Clock } from './clock.ts'

/** A started service: disposing it stops it gracefully, within its deadline. */
export interface Service extends AsyncDisposable {
  readonly name: string
  /** Empty when all is well; otherwise one sentence for each thing that is wrong. */
  problems(): readonly string[]
}

/** Runs the parts of a stop in order; one that fails or hangs does not keep the others from running. */
export async function stopInOrder(
  clock: Clock,
  deadlineMs: number,
  steps: readonly { readonly name: string; readonly run: () => Promise<void> | void }[],
  onProblem: (step: string, error: unknown) => void,
): Promise<void> {
  const deadline = clock.monotonic() + deadlineMs
  for (const step of steps) {
    const left = Math.max(0, deadline - clock.monotonic())
    let timer: { cancel(): void } | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = clock.schedule(left, () => resolve('late'))
    })
    try {
      const end = await Promise.race([Promise.resolve(step.run()).then(() => 'done' as const), late])
      if (end === 'late') onProblem(step.name, new Error(`not finished after ${deadlineMs} ms`))
    } catch (error) {
      onProblem(step.name, error)
    } finally {
      timer?.cancel()
    }
  }
}
