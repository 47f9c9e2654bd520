@echo off
rem Keeps the connector up: the action of the task "Desktop Connector" in the Task Scheduler.
rem Called while the supervisor is at work it ends at once. It does nothing either after a till has stopped the
rem connector, until the next boot, or until a person starts it: "always-up.cmd --start".
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 > nul

rem Filled in by "tillbridge service install"; empty, all of it lies beside this file.
set "PROGRAM="
set "CONFIG="

if not defined CONFIG if defined TILLBRIDGE_CONFIG set "CONFIG=%TILLBRIDGE_CONFIG%"
if not defined CONFIG set "CONFIG=%~dp0connector.yml"
if defined PROGRAM goto found
set "VERSION="
if exist "%~dp0current" set /p VERSION=<"%~dp0current"
set "PROGRAM=%~dp0versions\%VERSION%\tillbridge.exe"
:found
if not exist "%PROGRAM%" (
    echo always-up: there is no program "%PROGRAM%" 1>&2
    exit /b 1
)
rem The task stays at work as long as the supervisor does; the Task Scheduler then starts no second one.
set "NEEDED=--if-needed"
if "%~1"=="--start" set "NEEDED="
"%PROGRAM%" supervise %NEEDED% --config "%CONFIG%" > nul 2>&1
exit /b %ERRORLEVEL%
