@echo off
rem Runs the connector in this window, to see that the settings are right and everything works, and says why it stops.
rem Ctrl-C stops it. Stop the task "Desktop Connector" first: a data folder has one connector.
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
    echo launch: there is no program "%PROGRAM%" 1>&2
    pause
    exit /b 1
)
"%PROGRAM%" connector run --config "%CONFIG%"
set "CODE=%ERRORLEVEL%"
if "%CODE%"=="0" (
    echo The connector has stopped because it was asked to.
) else (
    echo The connector has stopped with exit code %CODE%: what is wrong stands above.
)
pause
exit /b %CODE%
