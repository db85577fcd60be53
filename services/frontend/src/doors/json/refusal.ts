/** A refusal inside an operation, in the code of its service; caught by its door alone. */
export class ServiceRefusal extends Error {
  /** The code on the wire. Other services have some that Lambda does not. */
  readonly type: string
  readonly status: number

  constructor(type: string, message: string, status = 400) {
    super(message)
    this.type = type
    this.status = status
  }
}

export const validation = (message: string): ServiceRefusal => new ServiceRefusal('ValidationException', message)
