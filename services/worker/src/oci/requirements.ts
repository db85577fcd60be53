import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { err, ok, type Result } from '@weft/contracts'
import { canMakeScratchDisks } from '@weft/platform/host'
import { helperPython } from './helper.ts'

/** Whether the host has what the driver needs, as far as can be seen without trying; the error says what is missing. */
export async function hasRequirements(binary: string): Promise<Result<void, string>> {
  if (process.getuid?.() !== 0) return err('making sandboxes takes root')
  const places = (process.env.PATH ?? '').split(':').map((folder) => join(folder, binary))
  const there = await Promise.all([...places, '/usr/sbin/runc'].map(isProgram))
  if (!there.includes(true)) return err(`${binary} is not on the PATH (Debian package runc)`)
  if (!(await isProgram(helperPython))) return err(`${helperPython} is missing (Debian package python3)`)
  const disks = await canMakeScratchDisks()
  return disks.ok ? ok(undefined) : disks
}

const isProgram = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
