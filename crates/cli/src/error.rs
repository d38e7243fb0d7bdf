//! One funnel from errors to words on the screen and an exit code.

use std::process::ExitCode;

use strandline_response::ResponseError;

/// 0 success; 1 the work could not be done; 3 it was done and the score or the check is bad.
pub fn to_exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) => {
            tell!("error: {error}");
            let mut said = error.to_string();
            for cause in error.chain().skip(1) {
                let text = cause.to_string();
                // A transparent wrapper says the same words again.
                if !said.contains(&text) {
                    tell!("  because: {text}");
                    said = text;
                }
            }
            if let Some(hint) = hint(&error) {
                tell!("hint: {hint}");
            }
            ExitCode::from(1)
        }
    }
}

fn hint(error: &anyhow::Error) -> Option<String> {
    match error.downcast_ref::<ResponseError>() {
        Some(ResponseError::Estate(estate)) => estate.hint.clone(),
        _ => error.downcast_ref::<strandline_estate::EstateError>().and_then(|estate| estate.hint.clone()),
    }
}
