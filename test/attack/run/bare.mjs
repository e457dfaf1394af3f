// A process that does nothing: what its event loop waits, this machine makes everybody wait.
setInterval(() => undefined, 60_000);
process.once('disconnect', () => process.exit(0));
process.send({});
