import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { publicJwk, signPackage, thumbprint } from '@weft/archive'
import { CommandError, exitCodes, type Io } from '../io.ts'

export interface SignOptions {
  readonly key: string
  /** Where the signed package goes; over the package when absent. */
  readonly out?: string
  /** Days from now after which the signature is good no more. */
  readonly days?: number
}

/** Signs a package and tells the thumbprint that a code signing config names as publisher. */
export async function sign(io: Io, nowMs: number, file: string, { key, out, days }: SignOptions): Promise<void> {
  const privateKey = keyOf(await readFile(key).catch(unreadable(key)))
  const zip = await readFile(file).catch(unreadable(file))
  const expires = days === undefined ? {} : { expiresAtMs: nowMs + days * 86_400_000 }
  const signed = signPackage(zip, privateKey, { jobId: randomUUID(), ...expires })
  if (!signed.ok)
    throw new CommandError(
      signed.error === 'no-zip' ? `${file} is no zip` : 'the key must be Ed25519, P-256, or RSA of at least 2048 bits',
    )
  await writeFile(out ?? file, signed.value)
  const print = thumbprint(publicJwk(createPublicKey(privateKey)) ?? {})
  io.stdout.write(`${print}\n`)
}

function keyOf(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    // What OpenSSL says of it helps nobody.
    throw new CommandError('the key is no private key in PEM', exitCodes.usage)
  }
}

const unreadable = (file: string) => (error: NodeJS.ErrnoException) => {
  throw new CommandError(`${file} cannot be read: ${error.code ?? error.message}`)
}
