mod bench;
mod exchange;
mod server;
mod speed;
mod transfer;
