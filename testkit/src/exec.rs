//! Commands in containers: answered by the app, or by the few that the fake knows itself.

use serde_json::{Value, json};

use crate::app::{Disk, ExecAnswer, ExecCall};
use crate::route::{Answer, Refusal, Told};
use crate::state::{State, items, text};

/// A command that was asked for.
#[derive(Debug)]
pub(crate) struct Exec {
    container: String,
    pub(crate) call: ExecCall,
    pub(crate) takes_input: bool,
    code: Option<i64>,
}

impl State {
    pub(crate) fn create_exec(&mut self, container: &str, body: &Value) -> Told {
        let nth = self.find_container(container)?;
        if !self.containers[nth].is_running() {
            return Err(Refusal::not_running(&self.containers[nth].id));
        }
        let words = |value: &Value| items(value).iter().map(text).collect::<Vec<_>>();
        let cmd = words(&body["Cmd"]);
        if cmd.is_empty() {
            return Err(Refusal::new(400, "No exec command specified"));
        }
        let exec = Exec {
            container: self.containers[nth].id.clone(),
            call: ExecCall { cmd, env: words(&body["Env"]), stdin: Vec::new() },
            takes_input: body["AttachStdin"] == true,
            code: None,
        };
        let id = self.id64();
        self.execs.insert(id.clone(), exec);
        Ok(Answer::Json(201, json!({"Id": id})))
    }

    pub(crate) fn start_exec(&mut self, id: &str) -> Told {
        let exec =
            self.execs.get(id).ok_or_else(|| Refusal::new(404, format!("No such exec instance: {id}")))?;
        let running = self.containers.iter().any(|c| c.id == exec.container && c.is_running());
        if !running {
            return Err(Refusal::not_running(&exec.container));
        }
        Ok(Answer::Exec { id: id.to_owned(), takes_input: exec.takes_input })
    }

    /// Runs it, once its input is known. `None` where the container went away under it.
    pub(crate) fn run_exec(&mut self, id: &str, stdin: Vec<u8>) -> Option<ExecAnswer> {
        let exec = self.execs.get_mut(id)?;
        exec.call.stdin = stdin;
        let call = exec.call.clone();
        let found = self.containers.iter().find(|c| c.id == exec.container && c.is_running())?;
        let own = self.app(&text(&found.spec["Image"])).and_then(|(_, app)| app.exec.clone());
        let disk = found.disk.clone();
        let answer = match own {
            Some(own) => own(&call, &disk),
            None => builtin(&call.cmd, &disk),
        };
        if let Some(exec) = self.execs.get_mut(id) {
            exec.code = Some(answer.code);
        }
        Some(answer)
    }

    pub(crate) fn inspect_exec(&mut self, id: &str) -> Told {
        let exec =
            self.execs.get(id).ok_or_else(|| Refusal::new(404, format!("No such exec instance: {id}")))?;
        Ok(Answer::Json(
            200,
            json!({
                "ID": id, "Running": false, "ExitCode": exec.code,
                "ProcessConfig": {
                    "tty": false, "entrypoint": exec.call.cmd[0], "arguments": exec.call.cmd[1..], "privileged": false,
                },
                "OpenStdin": exec.takes_input, "OpenStderr": true, "OpenStdout": true, "CanRemove": false,
                "ContainerID": exec.container, "DetachKeys": "", "Pid": 0,
            }),
        ))
    }
}

fn builtin(cmd: &[String], disk: &Disk) -> ExecAnswer {
    let words: Vec<String> = match cmd {
        [shell, flag, line] if shell.ends_with("sh") && flag == "-c" => {
            line.split_whitespace().map(str::to_owned).collect()
        }
        other => other.to_vec(),
    };
    let (program, rest) = words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    match program.rsplit('/').next().unwrap_or(program) {
        "true" => ExecAnswer::code(0),
        "false" => ExecAnswer::code(1),
        "exit" => ExecAnswer::code(rest.first().and_then(|n| n.parse().ok()).unwrap_or(0)),
        "echo" => ExecAnswer::said(rest.join(" ") + "\n"),
        "cat" => match rest.first().map(|path| (path, disk.read(path))) {
            Some((_, Some(bytes))) => ExecAnswer::said(bytes),
            Some((path, None)) => ExecAnswer {
                code: 1,
                stdout: Vec::new(),
                stderr: format!("cat: can't open '{path}': No such file or directory\n").into_bytes(),
            },
            None => ExecAnswer::code(1),
        },
        other => ExecAnswer {
            code: 127,
            stdout: Vec::new(),
            stderr: format!("sh: {other}: not found\n").into_bytes(),
        },
    }
}
