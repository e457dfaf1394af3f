// Loaded before the API and each worker by the launcher: when the launcher is gone, even by kill -9, they end too.

// The channel to the launcher breaks when it dies. The services themselves need not know that there is a launcher.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// Listening must not keep a process alive that has nothing left to do.
process.channel?.unref();
