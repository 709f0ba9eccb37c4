//! A pending approval and a decided one.

use super::Part;
use crate::{
    ui::{Button, ButtonKind, Look, Shape},
    view,
};
use leptos::prelude::*;

#[component]
pub(super) fn Decisions() -> impl IntoView {
    view! {
        <Part title="Approval" rule="Waiting: a card. Answered: one line.">
            <section class="appr" aria-label="An approval that waits">
                <div class="appr-h">
                    <Shape look=Look::WAITING />
                    <h3>"Allow this command?"</h3>
                    <span class="push xs waiting nw">"42s"</span>
                </div>
                <div class="appr-b">
                    <code class="code code-wrap">"terraform apply -target=aws_db_instance.main"</code>
                    <dl class="kv xs">
                        <dt>"Asks because"</dt>
                        <dd>"the mode ask asks before commands"</dd>
                    </dl>
                    <div class="acts">
                        <Button kind=ButtonKind::Primary large=true keys="A">
                            "Allow once"
                        </Button>
                        <Button large=true>"Always"</Button>
                        <Button kind=ButtonKind::Danger large=true keys="D">
                            "Deny…"
                        </Button>
                    </div>
                </div>
            </section>
            <div class="answered row xs">
                <Shape look=Look::DONE />
                <span>
                    <b class="medium">"Mara"</b>
                    " allowed once"
                </span>
                <code class="muted cut">"terraform plan -out=rds.plan"</code>
                <span class="push faint nw">"after 14s"</span>
            </div>
            <div class="answered row xs">
                <Shape look=Look::DENIED />
                <span>
                    <b class="medium">"Nobody answered"</b>
                    ", denied after 30m"
                </span>
                <code class="muted cut">"rm -rf target"</code>
            </div>
        </Part>
    }
}
