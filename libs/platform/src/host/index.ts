export * from './cgroup.ts'
export * from './scratch-disk.ts'
