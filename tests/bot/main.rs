//! The bot as people, orchestrators and AWS meet it: the real program as a process, the Slack sandbox as a process,
//! Moto over HTTP, a real SQLite file. A test says what a person does and shows what that person reads.

mod architecture;
mod crash;
mod documents;
mod ec2_list;
mod ec2_power;
mod ec2_show;
mod health;
mod home;
mod life;
mod links;
mod promises;
mod secrets;
mod shortcut;
mod support;
mod surfaces;
mod walk;
mod words;
