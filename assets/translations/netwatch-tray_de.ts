<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
  <context>
    <name>About</name>
    <message>
      <source>Copy report</source>
      <translation>Bericht kopieren</translation>
    </message>
    <message>
      <source>The agent, always there</source>
      <translation>Der Agent, immer da</translation>
    </message>
    <message>
      <source>This window, while open</source>
      <translation>Dieses Fenster, solange es offen ist</translation>
    </message>
  </context>
  <context>
    <name>Apps</name>
    <message>
      <source>App</source>
      <translation>App</translation>
    </message>
    <message>
      <source>Last 5 min</source>
      <translation>Letzte 5 min</translation>
    </message>
    <message>
      <source>The last 5 minutes, as long as this window was looking</source>
      <translation>Die letzten 5 Minuten, soweit dieses Fenster zusah</translation>
    </message>
    <message>
      <source>{arrow} now</source>
      <translation>{arrow} jetzt</translation>
    </message>
    <message>
      <source>{arrow} today</source>
      <translation>{arrow} heute</translation>
    </message>
    <message>
      <source>{arrow} this month</source>
      <translation>{arrow} Monat</translation>
    </message>
    <message>
      <source>Connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>Counted by the interfaces during sleep, pauses or while NetWatch was not running.</source>
      <translation>Von den Schnittstellen gezählt, während der Rechner schlief oder NetWatch nicht lief.</translation>
    </message>
    <message>
      <source>What no TCP connection accounts for: UDP, QUIC, DNS, headers, repeated packets. Never spread.</source>
      <translation>Was zu keiner TCP-Verbindung gehört: UDP, QUIC, DNS, Köpfe, wiederholte Pakete. Wird nie verteilt.</translation>
    </message>
    <message>
      <source>{name}
Has no connection now</source>
      <translation>{name}
Hat jetzt keine Verbindung</translation>
    </message>
    <message>
      <source>Processes: {processes}, connections: {connections}</source>
      <translation>Prozesse: {processes}, Verbindungen: {connections}</translation>
    </message>
    <message>
      <source>Within this computer: {down} and {up}, in no sum</source>
      <translation>Innerhalb dieses Rechners: {down} und {up}, in keiner Summe</translation>
    </message>
    <message>
      <source>A tunnel: what it carries is counted with the apps that use it</source>
      <translation>Ein Tunnel: was er trägt, zählt bei den Apps, die ihn benutzen</translation>
    </message>
    <message>
      <source>While NetWatch was not measuring</source>
      <translation>Während NetWatch nicht gemessen hat</translation>
    </message>
    <message>
      <source>UDP, QUIC and other</source>
      <translation>UDP, QUIC und anderes</translation>
    </message>
  </context>
  <context>
    <name>AppsPage</name>
    <message>
      <source>Find an app</source>
      <translation>App suchen</translation>
    </message>
    <message>
      <source>Apps whose names hold this stay ({keys} or /)</source>
      <translation>Apps mit diesem Text im Namen bleiben ({keys} oder /)</translation>
    </message>
    <message>
      <source>Apps</source>
      <translation>Apps</translation>
    </message>
    <message>
      <source>Enter shows the connections of the selected app</source>
      <translation>Die Eingabetaste zeigt die Verbindungen der gewählten App</translation>
    </message>
    <message>
      <source>Clear search</source>
      <translation>Suche leeren</translation>
    </message>
    <message>
      <source>Paused</source>
      <translation>Angehalten</translation>
    </message>
    <message>
      <source>Live, every {seconds:.0f} s</source>
      <translation>Live, alle {seconds:.0f} s</translation>
    </message>
    <message>
      <source>An app is a program with all its helper processes</source>
      <translation>Eine App ist ein Programm mit allen Hilfsprozessen</translation>
    </message>
    <message>
      <source>1 app uses the network now</source>
      <translation>1 App benutzt jetzt das Netz</translation>
    </message>
    <message>
      <source>{count} apps use the network now</source>
      <translation>{count} Apps benutzen jetzt das Netz</translation>
    </message>
    <message>
      <source>{count} this month</source>
      <translation>{count} diesen Monat</translation>
    </message>
    <message>
      <source>Rates come with the second reading.</source>
      <translation>Raten gibt es ab der zweiten Messung.</translation>
    </message>
    <message>
      <source>Download: apps {apps} + other {other} = interfaces {uplink}</source>
      <translation>Download: Apps {apps} + anderes {other} = Schnittstellen {uplink}</translation>
    </message>
    <message>
      <source>{shown} of {total}</source>
      <translation>{shown} von {total}</translation>
    </message>
    <message>
      <source>No app matches</source>
      <translation>Keine App passt</translation>
    </message>
    <message>
      <source>Apps known: {total}, none has “{words}” in its name.</source>
      <translation>Bekannte Apps: {total}, keine hat „{words}“ im Namen.</translation>
    </message>
    <message>
      <source>Apps are not known</source>
      <translation>Apps sind nicht bekannt</translation>
    </message>
    <message>
      <source>The list comes back by itself together with the agent.</source>
      <translation>Die Liste kommt mit dem Agenten von selbst zurück.</translation>
    </message>
    <message>
      <source>Reading who uses the network …</source>
      <translation>Es wird gelesen, wer das Netz benutzt …</translation>
    </message>
    <message>
      <source>Reading the history …</source>
      <translation>Der Verlauf wird gelesen …</translation>
    </message>
    <message>
      <source>There is no history</source>
      <translation>Es gibt keinen Verlauf</translation>
    </message>
    <message>
      <source>TCP over the counted interfaces; the month began on {first}. Updated each minute.</source>
      <translation>TCP über die gezählten Schnittstellen; der Monat begann am {first}. Jede Minute neu.</translation>
    </message>
  </context>
  <context>
    <name>Chart</name>
    <message>
      <source>no data</source>
      <translation>keine Daten</translation>
    </message>
    <message>
      <source>nothing recorded before {time}</source>
      <translation>vor {time} nichts aufgezeichnet</translation>
    </message>
    <message>
      <source>{reason} until {time}</source>
      <translation>{reason} bis {time}</translation>
    </message>
    <message>
      <source>{reason} since {time}</source>
      <translation>{reason} seit {time}</translation>
    </message>
    <message>
      <source>download {rate}</source>
      <translation>Download {rate}</translation>
    </message>
    <message>
      <source>upload {rate}</source>
      <translation>Upload {rate}</translation>
    </message>
    <message>
      <source>peak {rate}</source>
      <translation>Spitze {rate}</translation>
    </message>
    <message>
      <source>Total rate</source>
      <translation>Gesamtrate</translation>
    </message>
    <message>
      <source>Rate of {name}</source>
      <translation>Rate von {name}</translation>
    </message>
    <message>
      <source>peak {rate} at {time}</source>
      <translation>Spitze {rate} um {time}</translation>
    </message>
    <message>
      <source>now</source>
      <translation>jetzt</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
  </context>
  <context>
    <name>ChartTable</name>
    <message>
      <source>Time</source>
      <translation>Zeit</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>peak</source>
      <translation>Spitze</translation>
    </message>
    <message>
      <source>Gap</source>
      <translation>Lücke</translation>
    </message>
  </context>
  <context>
    <name>CliProcess</name>
    <message>
      <source>It ended without a word.</source>
      <translation>Es endete ohne ein Wort.</translation>
    </message>
  </context>
  <context>
    <name>ConnectionDetails</name>
    <message>
      <source>Details</source>
      <translation>Einzelheiten</translation>
    </message>
    <message>
      <source>Close the details (Escape)</source>
      <translation>Einzelheiten schließen (Esc)</translation>
    </message>
    <message>
      <source>Close the details</source>
      <translation>Einzelheiten schließen</translation>
    </message>
    <message>
      <source>Copy</source>
      <translation>Kopieren</translation>
    </message>
    <message>
      <source>Only this app</source>
      <translation>Nur diese App</translation>
    </message>
    <message>
      <source>Nothing selected</source>
      <translation>Nichts ausgewählt</translation>
    </message>
    <message>
      <source>Choose a connection in the table.</source>
      <translation>Wählen Sie eine Verbindung in der Tabelle.</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>Connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>All of the group together</source>
      <translation>Die ganze Gruppe zusammen</translation>
    </message>
    <message>
      <source>Now</source>
      <translation>Jetzt</translation>
    </message>
    <message>
      <source>Program unknown</source>
      <translation>Programm unbekannt</translation>
    </message>
    <message>
      <source>Connection</source>
      <translation>Verbindung</translation>
    </message>
    <message>
      <source>Host</source>
      <translation>Host</translation>
    </message>
    <message>
      <source>Name from</source>
      <translation>Name aus</translation>
    </message>
    <message>
      <source>Remote</source>
      <translation>Gegenstelle</translation>
    </message>
    <message>
      <source>any</source>
      <translation>beliebig</translation>
    </message>
    <message>
      <source>Reaches</source>
      <translation>Reicht bis</translation>
    </message>
    <message>
      <source>Country</source>
      <translation>Land</translation>
    </message>
    <message>
      <source>Local</source>
      <translation>Lokal</translation>
    </message>
    <message>
      <source>Interface</source>
      <translation>Schnittstelle</translation>
    </message>
    <message>
      <source>State</source>
      <translation>Zustand</translation>
    </message>
    <message>
      <source>Called by</source>
      <translation>Aufgebaut von</translation>
    </message>
    <message>
      <source>Since</source>
      <translation>Seit</translation>
    </message>
    <message>
      <source>Received</source>
      <translation>Empfangen</translation>
    </message>
    <message>
      <source>Sent</source>
      <translation>Gesendet</translation>
    </message>
    <message>
      <source>Round trip</source>
      <translation>Umlaufzeit</translation>
    </message>
    <message>
      <source>Retransmits</source>
      <translation>Wiederholungen</translation>
    </message>
    <message>
      <source>Process</source>
      <translation>Prozess</translation>
    </message>
    <message>
      <source>Pid</source>
      <translation>PID</translation>
    </message>
    <message>
      <source>User</source>
      <translation>Benutzer</translation>
    </message>
    <message>
      <source>Unit</source>
      <translation>Dienst</translation>
    </message>
    <message>
      <source>the other side</source>
      <translation>der Gegenstelle</translation>
    </message>
    <message>
      <source>this computer</source>
      <translation>diesem Rechner</translation>
    </message>
    <message>
      <source>before NetWatch</source>
      <translation>vor NetWatch</translation>
    </message>
  </context>
  <context>
    <name>Connections</name>
    <message>
      <source>App</source>
      <translation>App</translation>
    </message>
    <message>
      <source>Pid</source>
      <translation>PID</translation>
    </message>
    <message>
      <source>Proto</source>
      <translation>Proto</translation>
    </message>
    <message>
      <source>Host</source>
      <translation>Host</translation>
    </message>
    <message>
      <source>Local</source>
      <translation>Lokal</translation>
    </message>
    <message>
      <source>Remote</source>
      <translation>Gegenstelle</translation>
    </message>
    <message>
      <source>State</source>
      <translation>Zustand</translation>
    </message>
    <message>
      <source>UDP has no states</source>
      <translation>UDP hat keine Zustände</translation>
    </message>
    <message>
      <source>RTT</source>
      <translation>RTT</translation>
    </message>
    <message>
      <source>Round trip: how long an answer takes on the way</source>
      <translation>Umlaufzeit: wie lange eine Antwort unterwegs ist</translation>
    </message>
    <message>
      <source>Age</source>
      <translation>Alter</translation>
    </message>
    <message>
      <source>It was open before NetWatch began to look</source>
      <translation>Sie war offen, bevor NetWatch hinsah</translation>
    </message>
    <message>
      <source>TLS greeting</source>
      <translation>TLS-Begrüßung</translation>
    </message>
    <message>
      <source>QUIC greeting</source>
      <translation>QUIC-Begrüßung</translation>
    </message>
    <message>
      <source>DNS response</source>
      <translation>DNS-Antwort</translation>
    </message>
    <message>
      <source>Name from: {origin}</source>
      <translation>Name aus: {origin}</translation>
    </message>
    <message>
      <source>This is the name of the provider; the real one is encrypted.</source>
      <translation>Das ist der Name des Anbieters; der eigentliche ist verschlüsselt.</translation>
    </message>
    <message>
      <source>Part of the greeting is encrypted; this may be the name of the provider alone.</source>
      <translation>Ein Teil der Begrüßung ist verschlüsselt; vielleicht ist das nur der Name des Anbieters.</translation>
    </message>
    <message>
      <source>This computer</source>
      <translation>Dieser Rechner</translation>
    </message>
    <message>
      <source>Local network</source>
      <translation>Lokales Netz</translation>
    </message>
    <message>
      <source>Internet</source>
      <translation>Internet</translation>
    </message>
    <message>
      <source>Closed</source>
      <translation>Geschlossen</translation>
    </message>
    <message>
      <source>Listening</source>
      <translation>Lauscht</translation>
    </message>
    <message>
      <source>The bytes of UDP are counted for each peer, where the helper is set up</source>
      <translation>Die Bytes von UDP werden je Gegenstelle gezählt, wo der Helfer eingerichtet ist</translation>
    </message>
    <message>
      <source>The system does not count the bytes of a UDP socket</source>
      <translation>Das System zählt die Bytes eines UDP-Sockets nicht</translation>
    </message>
    <message>
      <source>A listening socket carries nothing itself</source>
      <translation>Ein lauschender Socket überträgt selbst nichts</translation>
    </message>
    <message>
      <source>Not known at this moment</source>
      <translation>Im Augenblick nicht bekannt</translation>
    </message>
    <message>
      <source>any</source>
      <translation>beliebig</translation>
    </message>
    <message>
      <source>It belongs to another user: which program it is may not be read. Its rates are measured all the same.</source>
      <translation>Er gehört einem anderen Benutzer: welches Programm es ist, darf nicht gelesen werden. Seine Raten werden trotzdem gemessen.</translation>
    </message>
    <message>
      <source>The program is not known: its process has ended, or the system does not tell.</source>
      <translation>Das Programm ist nicht bekannt: sein Prozess ist beendet, oder das System sagt es nicht.</translation>
    </message>
    <message>
      <source>1 connection</source>
      <translation>1 Verbindung</translation>
    </message>
    <message>
      <source>{count} connections</source>
      <translation>{count} Verbindungen</translation>
    </message>
    <message>
      <source>Program unknown</source>
      <translation>Programm unbekannt</translation>
    </message>
    <message>
      <source>No remote address</source>
      <translation>Ohne Gegenstelle</translation>
    </message>
    <message>
      <source>user {name}</source>
      <translation>Benutzer {name}</translation>
    </message>
  </context>
  <context>
    <name>ConnectionsBar</name>
    <message>
      <source>app: host: port: proto: scope: country: rate&gt;1M, or any word</source>
      <translation>app: host: port: proto: scope: country: rate&gt;1M oder ein Wort</translation>
    </message>
    <message>
      <source>Filter connections</source>
      <translation>Verbindungen filtern</translation>
    </message>
    <message>
      <source>Conditions side by side must all hold; a comma means “or”, - turns one round ({keys} or /)</source>
      <translation>Bedingungen nebeneinander gelten alle; ein Komma heißt „oder“, - kehrt eine um ({keys} oder /)</translation>
    </message>
    <message>
      <source>Group by app, by host or not at all ({keys})</source>
      <translation>Nach App, nach Host oder gar nicht gruppieren ({keys})</translation>
    </message>
    <message>
      <source>Copy and export</source>
      <translation>Kopieren und exportieren</translation>
    </message>
    <message>
      <source>Details of the selected connection (Enter)</source>
      <translation>Einzelheiten der gewählten Verbindung (Eingabe)</translation>
    </message>
    <message>
      <source>Details</source>
      <translation>Einzelheiten</translation>
    </message>
    <message>
      <source>No groups</source>
      <translation>Ungruppiert</translation>
    </message>
    <message>
      <source>Group by app</source>
      <translation>Nach App</translation>
    </message>
    <message>
      <source>Group by host</source>
      <translation>Nach Host</translation>
    </message>
    <message>
      <source>Grouping: {name}</source>
      <translation>Gruppierung: {name}</translation>
    </message>
    <message>
      <source>By app</source>
      <translation>Nach App</translation>
    </message>
    <message>
      <source>By host</source>
      <translation>Nach Host</translation>
    </message>
  </context>
  <context>
    <name>ConnectionsMenu</name>
    <message>
      <source>Copy cell</source>
      <translation>Zelle kopieren</translation>
    </message>
    <message>
      <source>Copy rows</source>
      <translation>Zeilen kopieren</translation>
    </message>
    <message>
      <source>Copy all rows</source>
      <translation>Alle Zeilen kopieren</translation>
    </message>
    <message>
      <source>Export as CSV …</source>
      <translation>Als CSV exportieren …</translation>
    </message>
    <message>
      <source>Export as JSON …</source>
      <translation>Als JSON exportieren …</translation>
    </message>
    <message>
      <source>Export connections</source>
      <translation>Verbindungen exportieren</translation>
    </message>
  </context>
  <context>
    <name>ConnectionsPage</name>
    <message>
      <source>Connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>Clear filter</source>
      <translation>Filter leeren</translation>
    </message>
    <message>
      <source>Sockets: {total}, listening: {listening}</source>
      <translation>Sockets: {total}, lauschend: {listening}</translation>
    </message>
    <message>
      <source>Paused</source>
      <translation>Angehalten</translation>
    </message>
    <message>
      <source>Live, every 2 s</source>
      <translation>Live, alle 2 s</translation>
    </message>
    <message>
      <source>read with {source}</source>
      <translation>gelesen mit {source}</translation>
    </message>
    <message>
      <source>The list was not saved</source>
      <translation>Die Liste wurde nicht gespeichert</translation>
    </message>
    <message>
      <source>The connection list may be old</source>
      <translation>Die Verbindungsliste ist vielleicht alt</translation>
    </message>
    <message>
      <source>{shown} of {total}</source>
      <translation>{shown} von {total}</translation>
    </message>
    <message>
      <source>No connection matches</source>
      <translation>Keine Verbindung passt</translation>
    </message>
    <message>
      <source>Open sockets: {total}, none has “{words}”. The list fills by itself when one appears.</source>
      <translation>Offene Sockets: {total}, keiner hat „{words}“. Die Liste füllt sich von selbst, sobald einer erscheint.</translation>
    </message>
    <message>
      <source>The connection list is missing</source>
      <translation>Die Verbindungsliste fehlt</translation>
    </message>
    <message>
      <source>Connections are not known</source>
      <translation>Verbindungen sind nicht bekannt</translation>
    </message>
    <message>
      <source>The list comes back by itself together with the agent.</source>
      <translation>Die Liste kommt mit dem Agenten von selbst zurück.</translation>
    </message>
    <message>
      <source>No connections</source>
      <translation>Keine Verbindungen</translation>
    </message>
    <message>
      <source>No program has a socket open. The list fills by itself when one does.</source>
      <translation>Kein Programm hat einen Socket offen. Die Liste füllt sich dann von selbst.</translation>
    </message>
    <message>
      <source>Reading the connections …</source>
      <translation>Die Verbindungen werden gelesen …</translation>
    </message>
  </context>
  <context>
    <name>Cost</name>
    <message>
      <source>memory {memory}</source>
      <translation>Speicher {memory}</translation>
    </message>
    <message>
      <source>CPU {percent:.1f} %, memory {memory}</source>
      <translation>CPU {percent:.1f} %, Speicher {memory}</translation>
    </message>
  </context>
  <context>
    <name>CountedInterfaces</name>
    <message>
      <source>Not there at this moment</source>
      <translation>Im Augenblick nicht da</translation>
    </message>
    <message>
      <source>Automatic</source>
      <translation>Automatisch</translation>
    </message>
    <message>
      <source>Count</source>
      <translation>Zählen</translation>
    </message>
    <message>
      <source>Leave out</source>
      <translation>Weglassen</translation>
    </message>
    <message>
      <source>{name} in the total</source>
      <translation>{name} in der Summe</translation>
    </message>
  </context>
  <context>
    <name>Facts</name>
    <message>
      <source>paused</source>
      <translation>angehalten</translation>
    </message>
    <message>
      <source>paused until now</source>
      <translation>bis jetzt angehalten</translation>
    </message>
    <message>
      <source>counters unreadable</source>
      <translation>Zähler nicht lesbar</translation>
    </message>
    <message>
      <source>not running</source>
      <translation>nicht gestartet</translation>
    </message>
    <message>
      <source>counters reset</source>
      <translation>Zähler zurückgesetzt</translation>
    </message>
    <message>
      <source>counters jumped by more than the link can carry</source>
      <translation>Zähler sprang um mehr, als die Leitung übertragen kann</translation>
    </message>
    <message>
      <source>asleep</source>
      <translation>Ruhezustand</translation>
    </message>
    <message>
      <source>measuring was interrupted</source>
      <translation>Messung unterbrochen</translation>
    </message>
    <message>
      <source>another source of counters</source>
      <translation>andere Zählerquelle</translation>
    </message>
    <message>
      <source>interface removed</source>
      <translation>Schnittstelle entfernt</translation>
    </message>
    <message>
      <source>history not writable</source>
      <translation>Verlauf nicht speicherbar</translation>
    </message>
    <message>
      <source>clock set back</source>
      <translation>Uhr zurückgestellt</translation>
    </message>
    <message>
      <source>clock set forward</source>
      <translation>Uhr vorgestellt</translation>
    </message>
    <message>
      <source>reason unknown</source>
      <translation>Grund unbekannt</translation>
    </message>
    <message>
      <source>counted: carries the default route</source>
      <translation>gezählt: trägt die Standardroute</translation>
    </message>
    <message>
      <source>counted: carries {names}, which has the default route</source>
      <translation>gezählt: trägt {names} mit der Standardroute</translation>
    </message>
    <message>
      <source>counted: no default route, so all interfaces that are up count</source>
      <translation>gezählt: ohne Standardroute zählen alle aktiven</translation>
    </message>
    <message>
      <source>counted: chosen in the settings</source>
      <translation>gezählt: in den Einstellungen gewählt</translation>
    </message>
    <message>
      <source>counted</source>
      <translation>gezählt</translation>
    </message>
    <message>
      <source>not counted: chosen in the settings</source>
      <translation>nicht gezählt: in den Einstellungen gewählt</translation>
    </message>
    <message>
      <source>not counted: traffic of this computer with itself</source>
      <translation>nicht gezählt: Verkehr dieses Rechners mit sich selbst</translation>
    </message>
    <message>
      <source>not counted: down</source>
      <translation>nicht gezählt: inaktiv</translation>
    </message>
    <message>
      <source>not counted: no default route goes through it</source>
      <translation>nicht gezählt: keine Standardroute führt hindurch</translation>
    </message>
    <message>
      <source>not counted: reaches the outside over {names}</source>
      <translation>nicht gezählt: nach außen geht es über {names}</translation>
    </message>
    <message>
      <source>not counted: traffic of {name} already passes {names}</source>
      <translation>nicht gezählt: der Verkehr von {name} läuft schon über {names}</translation>
    </message>
    <message>
      <source>not counted</source>
      <translation>nicht gezählt</translation>
    </message>
    <message>
      <source>{several} and {last}</source>
      <translation>{several} und {last}</translation>
    </message>
  </context>
  <context>
    <name>Filter</name>
    <message>
      <source>There is no “{field}:”. There are app, pid, port, host, origin, scope, country, state, unit, proto and if.</source>
      <translation>„{field}:“ gibt es nicht. Es gibt app, pid, port, host, origin, scope, country, state, unit, proto und if.</translation>
    </message>
    <message>
      <source>Something is missing after “{field}”.</source>
      <translation>Nach „{field}“ fehlt etwas.</translation>
    </message>
    <message>
      <source>“{value}” is not a port. Write port:443 or port:8000-8080.</source>
      <translation>„{value}“ ist kein Port. Schreiben Sie port:443 oder port:8000-8080.</translation>
    </message>
    <message>
      <source>“{value}” is not a process number. Write pid:4121.</source>
      <translation>„{value}“ ist keine Prozessnummer. Schreiben Sie pid:4121.</translation>
    </message>
    <message>
      <source>“{value}” is not a rate. Write rate&gt;1M or rate&lt;20k, in bytes per second.</source>
      <translation>„{value}“ ist keine Rate. Schreiben Sie rate&gt;1M oder rate&lt;20k, in Bytes pro Sekunde.</translation>
    </message>
    <message>
      <source>Only rates can be compared: rate&gt;1M or rate&lt;20k.</source>
      <translation>Nur Raten lassen sich vergleichen: rate&gt;1M oder rate&lt;20k.</translation>
    </message>
    <message>
      <source>“not” stands before the condition that it turns round.</source>
      <translation>„not“ steht vor der Bedingung, die es umkehrt.</translation>
    </message>
  </context>
  <context>
    <name>FirstRun</name>
    <message>
      <source>NetWatch is measuring</source>
      <translation>NetWatch misst</translation>
    </message>
    <message>
      <source>It keeps its history on this computer. Nothing is sent anywhere unless you ask.</source>
      <translation>Der Verlauf bleibt auf diesem Rechner. Nichts wird gesendet, solange Sie es nicht wünschen.</translation>
    </message>
    <message>
      <source>Show interfaces</source>
      <translation>Schnittstellen zeigen</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>Einstellungen</translation>
    </message>
    <message>
      <source>Interfaces found: {count}. The total is {names}</source>
      <translation>Gefundene Schnittstellen: {count}. Die Summe ist {names}</translation>
    </message>
    <message>
      <source>Interfaces found: {count}. None leads out of this computer</source>
      <translation>Gefundene Schnittstellen: {count}. Keine führt aus diesem Rechner hinaus</translation>
    </message>
    <message>
      <source>Tunnels and bridges whose traffic passes another interface are not counted twice.</source>
      <translation>Tunnel und Brücken, deren Verkehr über eine andere Schnittstelle läuft, zählen nicht doppelt.</translation>
    </message>
    <message>
      <source>Connections of everybody, programs of your own account</source>
      <translation>Verbindungen von allen, Programme Ihres eigenen Kontos</translation>
    </message>
    <message>
      <source>Programs of other users are shown by their service or user.</source>
      <translation>Programme anderer Benutzer erscheinen mit ihrem Dienst oder Benutzer.</translation>
    </message>
    <message>
      <source>Some of the settings do not hold</source>
      <translation>Einige Einstellungen gelten nicht</translation>
    </message>
    <message>
      <source>Something cannot be measured</source>
      <translation>Etwas kann nicht gemessen werden</translation>
    </message>
    <message>
      <source>The icon appears by itself as soon as a panel shows it.</source>
      <translation>Das Symbol erscheint von selbst, sobald eine Leiste es zeigt.</translation>
    </message>
    <message>
      <source>Looking for a tray …</source>
      <translation>Ein Infobereich wird gesucht …</translation>
    </message>
    <message>
      <source>No tray here shows the icon</source>
      <translation>Kein Infobereich zeigt hier das Symbol</translation>
    </message>
    <message>
      <source>A click on it opens this window.</source>
      <translation>Ein Klick darauf öffnet dieses Fenster.</translation>
    </message>
    <message>
      <source>The icon is in the tray</source>
      <translation>Das Symbol ist im Infobereich</translation>
    </message>
  </context>
  <context>
    <name>HelpSheet</name>
    <message>
      <source>Keys</source>
      <translation>Tasten</translation>
    </message>
    <message>
      <source>Turn to a page</source>
      <translation>Seite wechseln</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>Einstellungen</translation>
    </message>
    <message>
      <source>Hold the picture still, or go on</source>
      <translation>Das Bild anhalten oder weiterlaufen lassen</translation>
    </message>
    <message>
      <source>Time range</source>
      <translation>Zeitraum</translation>
    </message>
    <message>
      <source>Filter</source>
      <translation>Filter</translation>
    </message>
    <message>
      <source>Group connections</source>
      <translation>Verbindungen gruppieren</translation>
    </message>
    <message>
      <source>Move the crosshair, fold a group</source>
      <translation>Fadenkreuz bewegen, Gruppe falten</translation>
    </message>
    <message>
      <source>Look closer at the chart, or from further away</source>
      <translation>Das Diagramm vergrößern oder verkleinern</translation>
    </message>
    <message>
      <source>The chart as a table</source>
      <translation>Das Diagramm als Tabelle</translation>
    </message>
    <message>
      <source>Choose a row</source>
      <translation>Zeile wählen</translation>
    </message>
    <message>
      <source>Details, fold a group, connections of an app</source>
      <translation>Einzelheiten, Gruppe falten, Verbindungen einer App</translation>
    </message>
    <message>
      <source>Copy rows</source>
      <translation>Zeilen kopieren</translation>
    </message>
    <message>
      <source>Copy a cell</source>
      <translation>Eine Zelle kopieren</translation>
    </message>
    <message>
      <source>Back: crosshair, filter, selection, settings</source>
      <translation>Zurück: Fadenkreuz, Filter, Auswahl, Einstellungen</translation>
    </message>
    <message>
      <source>Close the window; the agent goes on</source>
      <translation>Fenster schließen; der Agent läuft weiter</translation>
    </message>
    <message>
      <source>This sheet</source>
      <translation>Diese Übersicht</translation>
    </message>
    <message>
      <source>Both words, anywhere</source>
      <translation>Beide Wörter, irgendwo</translation>
    </message>
    <message>
      <source>One app or the other</source>
      <translation>Die eine App oder die andere</translation>
    </message>
    <message>
      <source>Without these</source>
      <translation>Ohne diese</translation>
    </message>
    <message>
      <source>More than 1 MB/s in one direction</source>
      <translation>Mehr als 1 MB/s in einer Richtung</translation>
    </message>
  </context>
  <context>
    <name>History</name>
    <message>
      <source>The first minute is being recorded.</source>
      <translation>Die erste Minute wird gerade aufgezeichnet.</translation>
    </message>
    <message>
      <source>The history is off: turn it on in the settings.</source>
      <translation>Der Verlauf ist aus: Einschalten lässt er sich in den Einstellungen.</translation>
    </message>
  </context>
  <context>
    <name>HistoryFileRow</name>
    <message>
      <source>Export …</source>
      <translation>Exportieren …</translation>
    </message>
    <message>
      <source>Open folder</source>
      <translation>Ordner öffnen</translation>
    </message>
    <message>
      <source>On disk</source>
      <translation>Auf der Platte</translation>
    </message>
    <message>
      <source>The total by the hour since the beginning, as CSV</source>
      <translation>Die Summe je Stunde seit Beginn, als CSV</translation>
    </message>
    <message>
      <source>{size} in {file}</source>
      <translation>{size} in {file}</translation>
    </message>
    <message>
      <source>Nothing is written yet</source>
      <translation>Noch ist nichts geschrieben</translation>
    </message>
    <message>
      <source>Export the history</source>
      <translation>Verlauf exportieren</translation>
    </message>
    <message>
      <source>Exporting …</source>
      <translation>Wird exportiert …</translation>
    </message>
    <message>
      <source>{size} saved in {file}</source>
      <translation>{size} gespeichert in {file}</translation>
    </message>
  </context>
  <context>
    <name>Interfaces</name>
    <message>
      <source>Interface</source>
      <translation>Schnittstelle</translation>
    </message>
    <message>
      <source>Activity</source>
      <translation>Aktivität</translation>
    </message>
    <message>
      <source>The last minute, download above upload</source>
      <translation>Die letzte Minute, Download über Upload</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>Link</source>
      <translation>Link</translation>
    </message>
    <message>
      <source>Addresses</source>
      <translation>Adressen</translation>
    </message>
    <message>
      <source>It has no address</source>
      <translation>Sie hat keine Adresse</translation>
    </message>
    <message>
      <source>Errors</source>
      <translation>Fehler</translation>
    </message>
    <message>
      <source>Total</source>
      <translation>Summe</translation>
    </message>
    <message>
      <source>{direction}: not known at this moment</source>
      <translation>{direction}: im Augenblick nicht bekannt</translation>
    </message>
    <message>
      <source>Link: {speed}</source>
      <translation>Link: {speed}</translation>
    </message>
    <message>
      <source>Packets of up to {bytes} bytes (MTU)</source>
      <translation>Pakete bis {bytes} Bytes (MTU)</translation>
    </message>
    <message>
      <source>Speed of the link</source>
      <translation>Geschwindigkeit des Links</translation>
    </message>
    <message>
      <source>No link</source>
      <translation>Kein Link</translation>
    </message>
    <message>
      <source>The system does not tell its speed: it is virtual, or its speed varies</source>
      <translation>Das System nennt keine Geschwindigkeit: sie ist virtuell, oder sie schwankt</translation>
    </message>
    <message>
      <source>no address</source>
      <translation>keine Adresse</translation>
    </message>
    <message>
      <source>{count} dropped</source>
      <translation>{count} verworfen</translation>
    </message>
    <message>
      <source>dropped</source>
      <translation>verworfen</translation>
    </message>
    <message>
      <source>{rate} err/s</source>
      <translation>{rate}/s</translation>
    </message>
    <message>
      <source>{rate} drop/s</source>
      <translation>{rate} verw./s</translation>
    </message>
    <message>
      <source>Since boot, received and sent. Errors: {rx_errors} and {tx_errors}. Dropped: {rx_drops} and {tx_drops}.</source>
      <translation>Seit dem Start, empfangen und gesendet. Fehler: {rx_errors} und {tx_errors}. Verworfen: {rx_drops} und {tx_drops}.</translation>
    </message>
    <message>
      <source>Now, per second: {errors} errors, {drops} dropped.</source>
      <translation>Jetzt, pro Sekunde: {errors} Fehler, {drops} verworfen.</translation>
    </message>
    <message>
      <source>Not known without the agent</source>
      <translation>Ohne den Agenten nicht bekannt</translation>
    </message>
    <message>
      <source>Ethernet</source>
      <translation>Ethernet</translation>
    </message>
    <message>
      <source>Wi-Fi</source>
      <translation>WLAN</translation>
    </message>
    <message>
      <source>Mobile network</source>
      <translation>Mobilfunk</translation>
    </message>
    <message>
      <source>Loopback</source>
      <translation>Loopback</translation>
    </message>
    <message>
      <source>Dial-up (PPP)</source>
      <translation>Einwahl (PPP)</translation>
    </message>
    <message>
      <source>Bridge</source>
      <translation>Brücke</translation>
    </message>
    <message>
      <source>Bond</source>
      <translation>Bündel</translation>
    </message>
    <message>
      <source>VLAN</source>
      <translation>VLAN</translation>
    </message>
    <message>
      <source>Container end</source>
      <translation>Containerende</translation>
    </message>
    <message>
      <source>WireGuard tunnel</source>
      <translation>WireGuard-Tunnel</translation>
    </message>
    <message>
      <source>Tunnel</source>
      <translation>Tunnel</translation>
    </message>
    <message>
      <source>VXLAN tunnel</source>
      <translation>VXLAN-Tunnel</translation>
    </message>
    <message>
      <source>Dummy</source>
      <translation>Attrappe</translation>
    </message>
    <message>
      <source>Other</source>
      <translation>Andere</translation>
    </message>
    <message>
      <source>Offline</source>
      <translation>Offline</translation>
    </message>
    <message>
      <source>{kind}, down</source>
      <translation>{kind}, inaktiv</translation>
    </message>
    <message>
      <source>{kind} over {names}</source>
      <translation>{kind} über {names}</translation>
    </message>
    <message>
      <source>{kind}, uplink</source>
      <translation>{kind}, Uplink</translation>
    </message>
  </context>
  <context>
    <name>InterfacesPage</name>
    <message>
      <source>Interfaces</source>
      <translation>Schnittstellen</translation>
    </message>
    <message>
      <source>The chart above shows the selected interface</source>
      <translation>Das Diagramm darüber zeigt die gewählte Schnittstelle</translation>
    </message>
    <message>
      <source>Paused: measuring goes on</source>
      <translation>Angehalten: gemessen wird weiter</translation>
    </message>
    <message>
      <source>Live, every {seconds:g} s</source>
      <translation>Live, alle {seconds:g} s</translation>
    </message>
  </context>
  <context>
    <name>MacMenu</name>
    <message>
      <source>File</source>
      <translation>Ablage</translation>
    </message>
    <message>
      <source>About NetWatch</source>
      <translation>Über NetWatch</translation>
    </message>
    <message>
      <source>Settings…</source>
      <translation>Einstellungen …</translation>
    </message>
    <message>
      <source>Close Window</source>
      <translation>Fenster schließen</translation>
    </message>
    <message>
      <source>Quit</source>
      <translation>Beenden</translation>
    </message>
    <message>
      <source>View</source>
      <translation>Darstellung</translation>
    </message>
    <message>
      <source>Window</source>
      <translation>Fenster</translation>
    </message>
    <message>
      <source>Minimise</source>
      <translation>Im Dock ablegen</translation>
    </message>
    <message>
      <source>Help</source>
      <translation>Hilfe</translation>
    </message>
    <message>
      <source>Keys</source>
      <translation>Tasten</translation>
    </message>
  </context>
  <context>
    <name>Notices</name>
    <message>
      <source>The agent is of another version than this window.</source>
      <translation>Der Agent hat eine andere Version als dieses Fenster.</translation>
    </message>
    <message>
      <source>What was measured so far is safe. Quit NetWatch from its tray icon and start it again.</source>
      <translation>Was gemessen wurde, ist sicher. Beenden Sie NetWatch über sein Symbol und starten Sie es neu.</translation>
    </message>
    <message>
      <source>The agent is starting …</source>
      <translation>Der Agent startet …</translation>
    </message>
    <message>
      <source>There are no rates without it.</source>
      <translation>Ohne ihn gibt es keine Raten.</translation>
    </message>
    <message>
      <source>Start it</source>
      <translation>Starten</translation>
    </message>
    <message>
      <source>Try now</source>
      <translation>Jetzt versuchen</translation>
    </message>
    <message>
      <source>Trying again in {seconds} s, attempt {attempt}.</source>
      <translation>Neuer Versuch in {seconds} s, Versuch {attempt}.</translation>
    </message>
    <message>
      <source>The agent is not running.</source>
      <translation>Der Agent läuft nicht.</translation>
    </message>
    <message>
      <source>There are no rates without it. Start it with: netwatch-tray</source>
      <translation>Ohne ihn gibt es keine Raten. Starten Sie ihn mit: netwatch-tray</translation>
    </message>
    <message>
      <source>The agent stopped.</source>
      <translation>Der Agent ist stehen geblieben.</translation>
    </message>
    <message>
      <source>Rates are unknown, the chart up to {time} is right.</source>
      <translation>Die Raten sind unbekannt, das Diagramm stimmt bis {time}.</translation>
    </message>
    <message>
      <source>Something is missing.</source>
      <translation>Etwas fehlt.</translation>
    </message>
    <message>
      <source>Some of the settings do not hold.</source>
      <translation>Einige Einstellungen gelten nicht.</translation>
    </message>
    <message>
      <source>There is no tray here that shows the icon.</source>
      <translation>Kein Infobereich zeigt hier das Symbol.</translation>
    </message>
    <message>
      <source>Understood</source>
      <translation>Verstanden</translation>
    </message>
    <message>
      <source>And {count} more.</source>
      <translation>Und {count} weitere.</translation>
    </message>
  </context>
  <context>
    <name>PlanBar</name>
    <message>
      <source>Solid: used. Striped: projected. Tick: today.</source>
      <translation>Voll: verbraucht. Gestreift: hochgerechnet. Strich: heute.</translation>
    </message>
  </context>
  <context>
    <name>RangeChart</name>
    <message>
      <source>1 min</source>
      <translation>1 min</translation>
    </message>
    <message>
      <source>5 min</source>
      <translation>5 min</translation>
    </message>
    <message>
      <source>1 h</source>
      <translation>1 h</translation>
    </message>
    <message>
      <source>24 h</source>
      <translation>24 h</translation>
    </message>
    <message>
      <source>7 d</source>
      <translation>7 T</translation>
    </message>
    <message>
      <source>30 d</source>
      <translation>30 T</translation>
    </message>
    <message>
      <source>1 y</source>
      <translation>1 J</translation>
    </message>
    <message>
      <source>Time range</source>
      <translation>Zeitraum</translation>
    </message>
    <message>
      <source>The chart as a table</source>
      <translation>Das Diagramm als Tabelle</translation>
    </message>
    <message>
      <source>The chart as a table (T)</source>
      <translation>Das Diagramm als Tabelle (T)</translation>
    </message>
    <message>
      <source>Reading the history …</source>
      <translation>Der Verlauf wird gelesen …</translation>
    </message>
    <message>
      <source>{seconds:g} s</source>
      <translation>{seconds:g} s</translation>
    </message>
    <message>
      <source>1 point = {length}</source>
      <translation>1 Punkt = {length}</translation>
    </message>
    <message>
      <source>line: average, band: peak</source>
      <translation>Linie: Mittel, Band: Spitze</translation>
    </message>
    <message>
      <source>A part of the range: Escape or a double click shows all</source>
      <translation>Ein Ausschnitt: Esc oder Doppelklick zeigt alles</translation>
    </message>
    <message>
      <source>last minute</source>
      <translation>letzte Minute</translation>
    </message>
    <message>
      <source>last 5 minutes</source>
      <translation>letzte 5 Minuten</translation>
    </message>
    <message>
      <source>last hour</source>
      <translation>letzte Stunde</translation>
    </message>
    <message>
      <source>last 24 hours</source>
      <translation>letzte 24 Stunden</translation>
    </message>
    <message>
      <source>last 7 days</source>
      <translation>letzte 7 Tage</translation>
    </message>
    <message>
      <source>last 30 days</source>
      <translation>letzte 30 Tage</translation>
    </message>
    <message>
      <source>last year</source>
      <translation>letztes Jahr</translation>
    </message>
  </context>
  <context>
    <name>RateReadout</name>
    <message>
      <source>download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>{direction} {rate}</source>
      <translation>{direction} {rate}</translation>
    </message>
    <message>
      <source>unknown</source>
      <translation>unbekannt</translation>
    </message>
  </context>
  <context>
    <name>RatesStrip</name>
    <message>
      <source>Why this total</source>
      <translation>Warum diese Summe</translation>
    </message>
    <message>
      <source>Lists every interface and whether it is counted</source>
      <translation>Nennt jede Schnittstelle und ob sie zählt</translation>
    </message>
    <message>
      <source>Show the total</source>
      <translation>Summe zeigen</translation>
    </message>
    <message>
      <source>Show the total again (Escape)</source>
      <translation>Wieder die Summe zeigen (Esc)</translation>
    </message>
    <message>
      <source>Total</source>
      <translation>Summe</translation>
    </message>
    <message>
      <source>Rates and chart are those of {name}. Show the total</source>
      <translation>Raten und Diagramm zeigen {name}. Summe zeigen</translation>
    </message>
    <message>
      <source>Unknown: the agent is not measuring</source>
      <translation>Unbekannt: der Agent misst nicht</translation>
    </message>
    <message>
      <source>Unknown for this moment: {reason}</source>
      <translation>Für diesen Moment unbekannt: {reason}</translation>
    </message>
    <message>
      <source>Unknown until the second sample: a rate needs two</source>
      <translation>Unbekannt bis zur zweiten Messung: eine Rate braucht zwei</translation>
    </message>
    <message>
      <source>Nothing is measured yet.</source>
      <translation>Noch ist nichts gemessen.</translation>
    </message>
    <message>
      <source>Nothing is measured now.</source>
      <translation>Zurzeit wird nichts gemessen.</translation>
    </message>
    <message>
      <source>No interface is counted: none leads out of this computer.</source>
      <translation>Keine Schnittstelle zählt: keine führt aus diesem Rechner hinaus.</translation>
    </message>
    <message>
      <source>All of {names}.</source>
      <translation>Alles von {names}.</translation>
    </message>
    <message>
      <source>{names} only.</source>
      <translation>Nur {names}.</translation>
    </message>
    <message>
      <source>1 interface not counted.</source>
      <translation>1 Schnittstelle zählt nicht.</translation>
    </message>
    <message>
      <source>{count} interfaces not counted.</source>
      <translation>{count} Schnittstellen zählen nicht.</translation>
    </message>
  </context>
  <context>
    <name>ReconciliationStrip</name>
    <message>
      <source>What is “other”</source>
      <translation>Was ist „anderes“</translation>
    </message>
    <message>
      <source>Interfaces</source>
      <translation>Schnittstellen</translation>
    </message>
    <message>
      <source>= TCP by app </source>
      <translation>= TCP der Apps </translation>
    </message>
    <message>
      <source> + UDP, QUIC and other </source>
      <translation> + UDP, QUIC und anderes </translation>
    </message>
    <message>
      <source>= TCP </source>
      <translation>= TCP </translation>
    </message>
    <message>
      <source> + other </source>
      <translation> + anderes </translation>
    </message>
    <message>
      <source> + UDP </source>
      <translation> + UDP </translation>
    </message>
    <message>
      <source> + UDP and QUIC </source>
      <translation> + UDP und QUIC </translation>
    </message>
    <message>
      <source>The system counts the bytes of each TCP connection, and the helper those of UDP and QUIC.</source>
      <translation>Das System zählt die Bytes jeder TCP-Verbindung, und der Helfer die von UDP und QUIC.</translation>
    </message>
    <message>
      <source>“Other” is what the interfaces carried besides: headers, repeated packets, ICMP and what this computer forwards.</source>
      <translation>„Anderes“ ist, was die Schnittstellen außerdem trugen: Köpfe, wiederholte Pakete, ICMP und was dieser Rechner weiterleitet.</translation>
    </message>
    <message>
      <source>The system counts the bytes of each TCP connection, but not those of UDP sockets.</source>
      <translation>Das System zählt die Bytes jeder TCP-Verbindung, aber nicht die von UDP-Sockets.</translation>
    </message>
    <message>
      <source>“Other” is what the interfaces carried besides: UDP, QUIC, DNS, headers and repeated packets.</source>
      <translation>„Anderes“ ist, was die Schnittstellen außerdem trugen: UDP, QUIC, DNS, Köpfe und wiederholte Pakete.</translation>
    </message>
    <message>
      <source>The rows below also hold what stays inside this computer or makes up a tunnel; these sums do not.</source>
      <translation>Die Zeilen darunter enthalten auch, was in diesem Rechner bleibt oder einen Tunnel bildet; diese Summen nicht.</translation>
    </message>
    <message>
      <source>Apps are {percent:.0f} % above the interfaces: they are read at different moments.</source>
      <translation>Die Apps liegen {percent:.0f} % über den Schnittstellen: sie werden zu verschiedenen Momenten gelesen.</translation>
    </message>
  </context>
  <context>
    <name>SearchField</name>
    <message>
      <source>Clear the filter (Escape)</source>
      <translation>Filter leeren (Esc)</translation>
    </message>
  </context>
  <context>
    <name>Settings</name>
    <message>
      <source>Colour scheme</source>
      <translation>Farbschema</translation>
    </message>
    <message>
      <source>System</source>
      <translation>System</translation>
    </message>
    <message>
      <source>Light</source>
      <translation>Hell</translation>
    </message>
    <message>
      <source>Dark</source>
      <translation>Dunkel</translation>
    </message>
    <message>
      <source>Of this window. The icon follows its panel.</source>
      <translation>Dieses Fensters. Das Symbol richtet sich nach seiner Leiste.</translation>
    </message>
    <message>
      <source>Rates of</source>
      <translation>Raten von</translation>
    </message>
    <message>
      <source>The total</source>
      <translation>Die Summe</translation>
    </message>
    <message>
      <source>What icon, tooltip and text tell.</source>
      <translation>Was Symbol, Hinweis und Text zeigen.</translation>
    </message>
    <message>
      <source>Rates beside the icon</source>
      <translation>Raten neben dem Symbol</translation>
    </message>
    <message>
      <source>Where the bar has room for text.</source>
      <translation>Wo die Leiste Platz für Text hat.</translation>
    </message>
    <message>
      <source>Rates in the icon</source>
      <translation>Raten im Symbol</translation>
    </message>
    <message>
      <source>As digits, for trays without text beside it (KDE, LXQt, older trays).</source>
      <translation>Als Ziffern, wo daneben kein Text steht (KDE, LXQt, ältere Infobereiche).</translation>
    </message>
    <message>
      <source>New rates every</source>
      <translation>Neue Raten alle</translation>
    </message>
    <message>
      <source>{seconds} s</source>
      <translation>{seconds} s</translation>
    </message>
    <message>
      <source>What the tray shows are means of that time; measuring goes on each second.</source>
      <translation>Im Infobereich stehen Mittelwerte dieser Zeit; gemessen wird weiter jede Sekunde.</translation>
    </message>
    <message>
      <source>Rates in</source>
      <translation>Raten in</translation>
    </message>
    <message>
      <source>Bytes</source>
      <translation>Bytes</translation>
    </message>
    <message>
      <source>Bits</source>
      <translation>Bits</translation>
    </message>
    <message>
      <source>Amounts are always in bytes.</source>
      <translation>Mengen sind immer in Bytes.</translation>
    </message>
    <message>
      <source>Multiples of</source>
      <translation>Vielfache von</translation>
    </message>
    <message>
      <source>1000: kB, MB. 1024: KiB, MiB.</source>
      <translation>1000: kB, MB. 1024: KiB, MiB.</translation>
    </message>
    <message>
      <source>Keep a history</source>
      <translation>Verlauf führen</translation>
    </message>
    <message>
      <source>On this computer alone.</source>
      <translation>Nur auf diesem Rechner.</translation>
    </message>
    <message>
      <source>At most</source>
      <translation>Höchstens</translation>
    </message>
    <message>
      <source>Beyond it the oldest hours are given up, never the days.</source>
      <translation>Darüber werden die ältesten Stunden aufgegeben, nie die Tage.</translation>
    </message>
    <message>
      <source>Allowed in a month</source>
      <translation>Im Monat erlaubt</translation>
    </message>
    <message>
      <source>No cap</source>
      <translation>Keine Grenze</translation>
    </message>
    <message>
      <source>Download and upload together, in 10⁹ bytes; you are told at 80 and 100 %.</source>
      <translation>Download und Upload zusammen, in 10⁹ Bytes; bei 80 und 100 % erfahren Sie es.</translation>
    </message>
    <message>
      <source>The month begins on day</source>
      <translation>Der Monat beginnt am Tag</translation>
    </message>
    <message>
      <source>As on your bill.</source>
      <translation>Wie auf Ihrer Rechnung.</translation>
    </message>
    <message>
      <source>Every</source>
      <translation>Alle</translation>
    </message>
    <message>
      <source> s</source>
      <translation> s</translation>
    </message>
    <message>
      <source>Each time what passed since the time before.</source>
      <translation>Jedes Mal, was seit dem letzten Mal geschah.</translation>
    </message>
    <message>
      <source>Hide addresses</source>
      <translation>Adressen verbergen</translation>
    </message>
    <message>
      <source>They become “private”, “public” or “loopback”.</source>
      <translation>Sie werden zu „private“, „public“ oder „loopback“.</translation>
    </message>
    <message>
      <source>Hide names</source>
      <translation>Namen verbergen</translation>
    </message>
    <message>
      <source>Names of the computer, users, apps and disks become random words.</source>
      <translation>Namen von Rechner, Benutzern, Apps und Platten werden zu Zufallswörtern.</translation>
    </message>
  </context>
  <context>
    <name>SettingsPage</name>
    <message>
      <source>Start at login</source>
      <translation>Bei der Anmeldung starten</translation>
    </message>
    <message>
      <source>Changes apply at once</source>
      <translation>Änderungen gelten sofort</translation>
    </message>
    <message>
      <source>The settings were not saved</source>
      <translation>Die Einstellungen wurden nicht gespeichert</translation>
    </message>
    <message>
      <source>The agent with its icon, not this window.</source>
      <translation>Der Agent mit seinem Symbol, nicht dieses Fenster.</translation>
    </message>
    <message>
      <source>Automatic counts each byte once: what passes through another interface is left out.</source>
      <translation>Automatisch zählt jedes Byte einmal: was durch eine andere Schnittstelle läuft, bleibt weg.</translation>
    </message>
    <message>
      <source>General</source>
      <translation>Allgemein</translation>
    </message>
    <message>
      <source>Tray</source>
      <translation>Infobereich</translation>
    </message>
    <message>
      <source>Units</source>
      <translation>Einheiten</translation>
    </message>
    <message>
      <source>Interfaces in the total</source>
      <translation>Was gezählt wird</translation>
    </message>
    <message>
      <source>History</source>
      <translation>Verlauf</translation>
    </message>
    <message>
      <source>Data plan</source>
      <translation>Datentarif</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Senden</translation>
    </message>
    <message>
      <source>About</source>
      <translation>Über NetWatch</translation>
    </message>
  </context>
  <context>
    <name>StatusLine</name>
    <message>
      <source>Not measuring</source>
      <translation>Misst nicht</translation>
    </message>
    <message>
      <source>1 source missing</source>
      <translation>1 Quelle fehlt</translation>
    </message>
    <message>
      <source>{count} sources missing</source>
      <translation>{count} Quellen fehlen</translation>
    </message>
    <message>
      <source>Agent: {cost}</source>
      <translation>Agent: {cost}</translation>
    </message>
  </context>
  <context>
    <name>TabRow</name>
    <message>
      <source>Pause</source>
      <translation>Pause</translation>
    </message>
    <message>
      <source>Holds the picture still; measuring goes on (Space)</source>
      <translation>Hält das Bild an; gemessen wird weiter (Leertaste)</translation>
    </message>
    <message>
      <source>Keys</source>
      <translation>Tasten</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>Einstellungen</translation>
    </message>
    <message>
      <source>Interfaces</source>
      <translation>Schnittstellen</translation>
    </message>
    <message>
      <source>Connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>Apps</source>
      <translation>Apps</translation>
    </message>
    <message>
      <source>Usage</source>
      <translation>Verbrauch</translation>
    </message>
    <message>
      <source>Live</source>
      <translation>Live</translation>
    </message>
  </context>
  <context>
    <name>Time</name>
    <message>
      <source>d MMM</source>
      <translation>d. MMM</translation>
    </message>
    <message>
      <source>d MMMM</source>
      <translation>d. MMMM</translation>
    </message>
    <message>
      <source>{count} d</source>
      <translation>{count} T</translation>
    </message>
    <message>
      <source>{count} h</source>
      <translation>{count} h</translation>
    </message>
    <message>
      <source>{count} min</source>
      <translation>{count} min</translation>
    </message>
    <message>
      <source>{count} s</source>
      <translation>{count} s</translation>
    </message>
  </context>
  <context>
    <name>UploadSettings</name>
    <message>
      <source>Send measurements</source>
      <translation>Messungen senden</translation>
    </message>
    <message>
      <source>Server</source>
      <translation>Server</translation>
    </message>
    <message>
      <source>API key</source>
      <translation>API-Schlüssel</translation>
    </message>
    <message>
      <source>paste it here</source>
      <translation>hier einfügen</translation>
    </message>
    <message>
      <source>Save key</source>
      <translation>Schlüssel speichern</translation>
    </message>
    <message>
      <source>Show</source>
      <translation>Zeigen</translation>
    </message>
    <message>
      <source>Exactly what is sent</source>
      <translation>Genau das wird gesendet</translation>
    </message>
    <message>
      <source>NetWatch Cloud, or one of your own.</source>
      <translation>NetWatch Cloud oder ein eigener.</translation>
    </message>
    <message>
      <source>Off: nothing leaves this computer.</source>
      <translation>Aus: nichts verlässt diesen Rechner.</translation>
    </message>
    <message>
      <source>On; what becomes of it is not known at this moment.</source>
      <translation>An; was daraus wird, ist im Augenblick nicht bekannt.</translation>
    </message>
    <message>
      <source>Saving …</source>
      <translation>Wird gespeichert …</translation>
    </message>
    <message>
      <source>The key is saved. Nothing is sent until you turn sending on above.</source>
      <translation>Der Schlüssel ist gespeichert. Nichts wird gesendet, bis Sie es oben einschalten.</translation>
    </message>
    <message>
      <source>Measuring for 2 seconds …</source>
      <translation>2 Sekunden wird gemessen …</translation>
    </message>
    <message>
      <source>Hide</source>
      <translation>Verbergen</translation>
    </message>
    <message>
      <source>{size}, measured just now as it is for sending; nothing was sent.</source>
      <translation>{size}, eben gemessen wie zum Senden; gesendet wurde nichts.</translation>
    </message>
    <message>
      <source>Kept in the system's keyring or in a file that only you may read.</source>
      <translation>Liegt im Schlüsselbund des Systems oder in einer Datei, die nur Sie lesen dürfen.</translation>
    </message>
    <message>
      <source>Measures for 2 seconds and shows the very text; nothing is sent.</source>
      <translation>Misst 2 Sekunden und zeigt genau den Text; gesendet wird nichts.</translation>
    </message>
    <message>
      <source>Rates only</source>
      <translation>Nur Raten</translation>
    </message>
    <message>
      <source>Counters and rates of the counted interfaces, with name, system and processor of this computer. No app, no address of others.</source>
      <translation>Zähler und Raten der gezählten Schnittstellen, mit Name, System und Prozessor dieses Rechners. Keine App, keine Adresse anderer.</translation>
    </message>
    <message>
      <source>Rates and system</source>
      <translation>Raten und System</translation>
    </message>
    <message>
      <source>Adds connection counts, processor, memory and disks, and round trips to gateway and DNS server.</source>
      <translation>Dazu Zahlen der Verbindungen, Prozessor, Speicher und Platten und Umlaufzeiten zu Gateway und DNS-Server.</translation>
    </message>
    <message>
      <source>Rates, system and apps</source>
      <translation>Raten, System und Apps</translation>
    </message>
    <message>
      <source>Adds the processes that use the network, with their users.</source>
      <translation>Dazu die Prozesse, die das Netz benutzen, mit ihren Benutzern.</translation>
    </message>
    <message>
      <source>Everything</source>
      <translation>Alles</translation>
    </message>
    <message>
      <source>Adds the connections with both addresses.</source>
      <translation>Dazu die Verbindungen mit beiden Adressen.</translation>
    </message>
  </context>
  <context>
    <name>UsageChart</name>
    <message>
      <source>Usage</source>
      <translation>Verbrauch</translation>
    </message>
    <message>
      <source>Used so far</source>
      <translation>Bisher verbraucht</translation>
    </message>
    <message>
      <source>Per day</source>
      <translation>Pro Tag</translation>
    </message>
    <message>
      <source>Per month</source>
      <translation>Pro Monat</translation>
    </message>
    <message>
      <source>{day}: nothing recorded</source>
      <translation>{day}: nichts aufgezeichnet</translation>
    </message>
    <message>
      <source>together</source>
      <translation>zusammen</translation>
    </message>
    <message>
      <source>{amount} a day</source>
      <translation>{amount} am Tag</translation>
    </message>
    <message>
      <source>allowance</source>
      <translation>erlaubt</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>at this pace</source>
      <translation>bei diesem Tempo</translation>
    </message>
    <message>
      <source>cap {amount}</source>
      <translation>Grenze {amount}</translation>
    </message>
  </context>
  <context>
    <name>UsagePage</name>
    <message>
      <source>Week</source>
      <translation>Woche</translation>
    </message>
    <message>
      <source>Month</source>
      <translation>Monat</translation>
    </message>
    <message>
      <source>Year</source>
      <translation>Jahr</translation>
    </message>
    <message>
      <source>Period</source>
      <translation>Zeitraum</translation>
    </message>
    <message>
      <source>Plan …</source>
      <translation>Tarif …</translation>
    </message>
    <message>
      <source>The cap, and the day its month begins on</source>
      <translation>Die Grenze und der Tag, an dem ihr Monat beginnt</translation>
    </message>
    <message>
      <source>Reading the history …</source>
      <translation>Der Verlauf wird gelesen …</translation>
    </message>
    <message>
      <source>There is no history</source>
      <translation>Es gibt keinen Verlauf</translation>
    </message>
    <message>
      <source>Days in local time</source>
      <translation>Tage in Ortszeit</translation>
    </message>
    <message>
      <source>Updated {time}</source>
      <translation>Stand {time}</translation>
    </message>
    <message>
      <source>There is no history yet</source>
      <translation>Es gibt noch keinen Verlauf</translation>
    </message>
    <message>
      <source>Nothing was recorded in this period</source>
      <translation>In diesem Zeitraum wurde nichts aufgezeichnet</translation>
    </message>
    <message>
      <source>Days appear here as they are measured.</source>
      <translation>Tage erscheinen hier, sobald sie gemessen sind.</translation>
    </message>
    <message>
      <source>this week</source>
      <translation>diese Woche</translation>
    </message>
    <message>
      <source>of {cap} in {month}</source>
      <translation>von {cap}, {month}</translation>
    </message>
    <message>
      <source>in {month}</source>
      <translation>{month}</translation>
    </message>
    <message>
      <source>{words} since {moment}</source>
      <translation>{words} seit {moment}</translation>
    </message>
    <message>
      <source>Used today</source>
      <translation>Heute verbraucht</translation>
    </message>
    <message>
      <source>Allowance a day</source>
      <translation>Erlaubt am Tag</translation>
    </message>
    <message>
      <source>Average of {count} days</source>
      <translation>Mittel von {count} Tagen</translation>
    </message>
    <message>
      <source>Today</source>
      <translation>Heute</translation>
    </message>
    <message>
      <source>Earlier months</source>
      <translation>Frühere Monate</translation>
    </message>
    <message>
      <source>Networks this month</source>
      <translation>Netze diesen Monat</translation>
    </message>
    <message>
      <source>{kind} {number}</source>
      <translation>{kind} {number}</translation>
    </message>
    <message>
      <source>{network}, metered</source>
      <translation>{network}, getaktet</translation>
    </message>
    <message>
      <source>today</source>
      <translation>heute</translation>
    </message>
    <message>
      <source>the month from {first} to {last}</source>
      <translation>{first} bis {last}</translation>
    </message>
    <message>
      <source>{left} left. {allowance} a day keeps you under the cap until {last}.</source>
      <translation>{left} übrig. Mit {allowance} am Tag bleiben Sie bis {last} unter der Grenze.</translation>
    </message>
    <message>
      <source>{over} over the cap.</source>
      <translation>{over} über der Grenze.</translation>
    </message>
    <message>
      <source>At this pace ≈ {amount} by {last}.</source>
      <translation>Bei diesem Tempo ≈ {amount} bis {last}.</translation>
    </message>
    <message>
      <source>Some bytes are missing: the counters were reset while nothing was measured.</source>
      <translation>Einige Bytes fehlen: die Zähler wurden zurückgesetzt, während nicht gemessen wurde.</translation>
    </message>
  </context>
  <context>
    <name>UsagePane</name>
    <message>
      <source>Measured on this computer. Your provider may count differently.</source>
      <translation>Auf diesem Rechner gemessen. Ihr Anbieter zählt vielleicht anders.</translation>
    </message>
  </context>
  <context>
    <name>WhyTotal</name>
    <message>
      <source>Why this total</source>
      <translation>Warum diese Summe</translation>
    </message>
    <message>
      <source>Counting what passes through another interface would count it twice.</source>
      <translation>Was durch eine andere Schnittstelle geht, würde sonst doppelt gezählt.</translation>
    </message>
    <message>
      <source>Choose what is counted</source>
      <translation>Auswählen, was zählt</translation>
    </message>
    <message>
      <source>{name}, over {names}</source>
      <translation>{name}, über {names}</translation>
    </message>
    <message>
      <source>Total</source>
      <translation>Summe</translation>
    </message>
  </context>
  <context>
    <name>_LastMinute</name>
    <message>
      <source>The last minute, download above upload</source>
      <translation>Die letzte Minute, Download über Upload</translation>
    </message>
    <message>
      <source>The last minute, as long as this was looked at</source>
      <translation>Die letzte Minute, soweit hingesehen wurde</translation>
    </message>
    <message>
      <source>now</source>
      <translation>jetzt</translation>
    </message>
  </context>
</TS>
