import { Metadata, type requestCallback, type ServiceError } from '@grpc/grpc-js'
import type { AdminConnection } from '@weft/contracts'
import { AdminServiceClient } from '@weft/contracts/api/admin'
import { CommandError } from '../io.ts'
import { grpcTarget } from './grpc-channel.ts'

const connectWithinMs = 5_000
/** Making an account waits for every NATS server. */
const answerWithinMs = 60_000

type Method<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline: number },
  callback: requestCallback<Response>,
) => unknown

/** Calls a fabric's administration. Refusals and an unreachable door end the command with one line. */
export class AdminClient implements Disposable {
  readonly connection: AdminConnection
  readonly service: AdminServiceClient
  readonly #now: () => number

  constructor(connection: AdminConnection, now: () => number) {
    this.connection = connection
    this.#now = now
    const { address, channel } = grpcTarget(connection.admin)
    this.service = new AdminServiceClient(address, channel)
  }

  [Symbol.dispose](): void {
    this.service.close()
  }

  async call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    const { admin, token } = this.connection
    await new Promise<void>((resolve, reject) =>
      this.service.waitForReady(this.#now() + connectWithinMs, (error) =>
        error ? reject(new CommandError(`the administration does not answer at ${admin}`)) : resolve(),
      ),
    )
    const metadata = new Metadata()
    metadata.set('authorization', `Bearer ${token}`)
    const options = { deadline: this.#now() + answerWithinMs }
    return new Promise((resolve, reject) => {
      method.call(this.service, request, metadata, options, (error: ServiceError | null, answer?: Response) => {
        if (answer !== undefined && !error) resolve(answer)
        else reject(refusal(error))
      })
    })
  }
}

function refusal(error: ServiceError | null): CommandError {
  const code = error?.metadata.get('weft-error-code')[0]
  return new CommandError(code === undefined ? (error?.message ?? 'no answer') : `${code}: ${error?.details}`)
}
