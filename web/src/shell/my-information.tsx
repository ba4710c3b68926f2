import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Me, Reference } from "@/api/types";
import { useMe } from "@/session/session";
import { initials } from "@/ui/format";
import { SideDrawer } from "@/ui/side-drawer";
import styles from "./my-information.module.css";

/** What the signed-in attendant is linked to. */
export function MyInformation({ opened, close }: { opened: boolean; close: () => void }) {
  const { t } = useTranslation();
  const me = useMe().data;
  return (
    <SideDrawer opened={opened} close={close} position="right" title={t("me.title")}>
      {me && <Information me={me} />}
    </SideDrawer>
  );
}

function Information({ me }: { me: Me }) {
  const { t } = useTranslation();
  const name = me.attendant?.name || t("unknownName");
  return (
    <div data-testid="my-information-panel">
      <div className={styles.person}>
        <span className={styles.face} aria-hidden>
          {initials(name)}
        </span>
        <div>
          <strong>{name}</strong>
          <span>
            {me.username}
            {me.email && ` · ${me.email}`}
          </span>
        </div>
      </div>
      <Group title={t("me.departments")}>
        {me.departments.length === 0 && <li>{t("me.noDepartments")}</li>}
        {me.departments.map(({ department, levels, project }) => (
          <li key={department?.id} className={styles.department}>
            <strong>{department?.name}</strong> {project && <span className={styles.project}>· {project.name}</span>}
            <div className={styles.levels}>
              {levels.length === 0 && (
                <span className={styles.project}>
                  {hasRole(me, department?.id) ? t("me.allLevels") : t("me.noLevels")}
                </span>
              )}
              {levels.map((level) => (
                <span key={level.id} className={styles.level}>
                  {level.name}
                </span>
              ))}
            </div>
          </li>
        ))}
      </Group>
      <Group title={t("me.roles")}>
        <Roles me={me} />
      </Group>
      <Names title={t("me.organizations")} names={me.organizations} />
      <Names title={t("me.projects")} names={me.projects} />
    </div>
  );
}

/** A role reaches all levels of its department; one without a department, all of the organization. */
function hasRole(me: Me, departmentId: string | undefined): boolean {
  return me.roles.some((held) => !held.departmentId || held.departmentId === departmentId);
}

function Roles({ me }: { me: Me }) {
  const { t } = useTranslation();
  const departments = new Map(me.departments.map(({ department }) => [department?.id ?? "", department?.name ?? ""]));
  if (me.roles.length === 0) return <li>{t("me.attendant")}</li>;
  return me.roles.map(({ role, departmentId }) => (
    <li key={role + departmentId}>
      {t(`role.${role}`)}{" "}
      <span className={styles.project}>
        · {departmentId ? (departments.get(departmentId) ?? t("none")) : t("me.wholeOrganization")}
      </span>
    </li>
  ));
}

function Names({ title, names }: { title: string; names: Reference[] }) {
  if (names.length === 0) return null;
  return (
    <Group title={title}>
      {names.map(({ id, name }) => (
        <li key={id}>{name}</li>
      ))}
    </Group>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={styles.group}>
      <h3>{title}</h3>
      <ul>{children}</ul>
    </section>
  );
}
